// Package archive keeps old tombstones and copies of events in files: JSON lines, compressed, with a checksum and a manifest each.
//
// # Guarantees
//
//   - A tombstone is deleted in the transaction that says how far its file counts, and only after the file was written and synced to
//     the disk. So each is in the table or in the archive: never in neither, and never in both.
//   - A process may be killed at any step, and any number of processes may write to one folder at once, each to a file of its own.
//   - An event is copied once to each archive, and stays in its table, which is append-only.
//   - No file holds a response, or a client's key: keys are archived as they are stored, as hashes.
//
// Not guaranteed: anything when the database is restored from an older backup, or loses its last commits with its primary. What was
// deleted since then is in the table again, and is archived again. Find shows such a record once, and Verify counts it.
//
// # States of a file
//
//	            row in archive_files            in the folder
//	opened      open, length 0                  nothing, then NAME.partial without content
//	growing     open, length of its batches     NAME.partial, perhaps with more behind that length
//	closed      closed: it grows no more        the same; NAME and its manifest may be there as well
//	sealed      closed                          NAME and NAME's manifest, no NAME.partial
//
// Each batch is a gzip member of its own (RFC 1952, section 2.2), so a file that is cut behind a batch is whole.
//
// # What a crash leaves
//
//	crash after                      left behind                            the next run
//	the row, before the file         a row without records                  nothing: it says nothing
//	a batch is written, or synced    bytes behind the row's length          drops them: their records are still in the table
//	COMMIT of a batch                NAME.partial                           closes the row, copies what counts, seals
//	COMMIT whose answer is lost      the same: the row tells                the same
//	closing                          NAME.partial, perhaps NAME             copies again: the same bytes
//
// A file is closed before it is copied. What its writer, alive after all, sends for it afterwards is refused by the row, and it
// begins another file. So a wrong guess that a writer is dead costs a file that is shorter, and no record.
package archive
