// Package arrows holds the imports between payonce's packages to a table (arrows_test.go): which package may
// import which other one, and which libraries it may use. Test files are free.
package arrows
