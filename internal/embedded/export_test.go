package embedded

// Pinned is the package that is downloaded on this platform, if there is one.
func Pinned() (name, path string, ok bool) {
	_, a, err := pick(releases, thisPlatform, nil)
	return "@embedded-postgres/" + a.platform + "@" + a.version, a.path(), err == nil
}
