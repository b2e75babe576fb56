package embedded

// account is the user that a server runs as; zero is our own.
type account struct {
	drop     bool // whether we have to change to it
	uid, gid uint32
	name     string

	// borrowed says that the program runs in a user namespace of its own, where
	// our user has this number, which has a name. Nothing else changes for it.
	borrowed        bool
	asUser, asGroup int
}

// suffix names the account in messages, when it is not our own.
func (a account) suffix() string {
	if !a.drop {
		return ""
	}
	return " as user " + a.name
}
