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
// the usual folders), the newest major version from 14 on; but a data folder
// that already holds data keeps the version that wrote it, because an upgrade
// that silently starts empty would look like lost data. Redis: redis-server or
// valkey-server on PATH, else one inside this process.
//
// # What lies in the data folder
//
//	payonce.lock      locked by the owner; says who it is and where its socket is
//	postgres-15/      one cluster per major version
//	postgres-15.new/  a cluster being made; renamed when complete
//	postgres.log      of this run; postgres.log.old of the run before
//	run/              PostgreSQL's socket (elsewhere when the path is too long)
//	redis-*/          a running Redis: its socket and its log
package embedded
