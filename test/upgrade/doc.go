// Package upgrade runs the release before and this one side by side over one database: while this one migrates, and after.
package upgrade
