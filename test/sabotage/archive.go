package main

// archives has the mistakes in how tombstones and events get into files.
func archives() []sabotage {
	return []sabotage{
		{
			name:   "a batch without its length",
			breaks: "tombstones are deleted, and the file that holds them counts for nothing and is removed",
			edits:  []edit{{"archive.Archiver.write", `a.Files.Extend(tx, a.file.row.Bytes, &next)`, `_ = tx`}},
			caught: catch{"internal/archive", "TestTombstonesThatAreHeldAreLeftOut", "want 6 records"},
		},
		{
			name:   "a file sealed with what does not count",
			breaks: "a batch that was rolled back is in the archive as well as in the table",
			edits: []edit{
				{"archive.copyWhatCounts", `io.CopyN(io.MultiWriter(to, sum), from, row.Bytes)`, `io.Copy(to, from)`},
				{"archive.copyWhatCounts", `!bytes.Equal(sum.Sum(nil), row.SHA256)`, `bytes.Equal(sum.Sum(nil), row.SHA256)`},
			},
			caught: catch{"internal/archive", "TestABatchThatIsRolledBackDoesNotCount", "want 10 records"},
		},
		{
			name:   "a retention that any time outbids",
			breaks: "a key that is still promised to be refused is forgotten, and executes again",
			edits: []edit{{
				"postgres.whereForgettable", `least(now() - make_interval(secs => $2), $3::timestamptz)`, `coalesce($3::timestamptz, now() - make_interval(secs => $2))`,
			}},
			caught: catch{"internal/archive", "TestATimeThatIsTooLateForgetsNoKeyEarly", "want the young one to stay"},
		},
		{
			name:   "events passed over",
			breaks: "an event that was too young when its neighbours were copied is missing from the archive for ever",
			edits:  []edit{{"archive.Events.batch", `rows[len(batch)-1].Position()`, `rows[len(rows)-1].Position()`}},
			caught: catch{"internal/archive", "TestEventsAreCopiedUpToTheFirstThatIsTooYoung", "copied"},
		},
		{
			name:   "a key in a path",
			breaks: "the archive shows the keys that were given up in the clear",
			edits:  []edit{{"archive.tombstoneLine", `withoutKey(t.Path)`, `t.Path`}},
			caught: catch{"test/archive", "TestTheServiceArchivesWhatItForgets", "holds"},
		},
	}
}
