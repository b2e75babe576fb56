// Package demo watches the demo as a person, a program and an impatient person do: what it shows, what it counts, and
// what it leaves behind, however it ends. It holds tests only.
package demo
