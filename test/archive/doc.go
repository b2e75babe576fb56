// Package archive holds the archive to its promise: whatever is killed, whenever, each tombstone is in the table or in the archive,
// once. It reads the files by itself, without the code that wrote them.
package archive
