package config

import "log/slog"

// Log is the least severe level that is logged, and whether as JSON.
func (c *Config) Log() (level slog.Level, json bool) { return c.LogLevel, c.LogFormat == "json" }

// Log is as [Config.Log]; the simulator logs from info on.
func (c *Simulator) Log() (level slog.Level, json bool) { return slog.LevelInfo, c.LogFormat == "json" }

// Log is as [Config.Log]; this command logs nothing.
func (*Version) Log() (level slog.Level, json bool) { return slog.LevelInfo, false }

// Log is as [Config.Log]; what the demo has to say it prints, and logs only what it waits for.
func (*Demo) Log() (level slog.Level, json bool) { return slog.LevelWarn, false }
