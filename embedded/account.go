package embedded

// account is the user that a server runs as; zero is our own.
type account struct {
	drop     bool // whether we have to change to it
	uid, gid uint32
	name     string
}

// suffix names the account in messages, when it is not our own.
func (a account) suffix() string {
	if !a.drop {
		return ""
	}
	return " as user " + a.name
}
