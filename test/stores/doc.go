// Package stores gives each test stores of its own: a fresh database in a real
// PostgreSQL, and a fresh Redis.
//
// One PostgreSQL per test binary starts when the first test asks for it. It
// belongs to the binary: DATABASE_URL and REDIS_URL are ignored, so a test can
// never touch data of another program. A database is cloned from a
// template that was migrated once, which takes about 60 ms.
//
// A package that uses it says
//
//	func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }
package stores
