// Package monitoring holds Prometheus's configuration, its alerts and Grafana's board to the running service: promtool reads all
// of it, each alert fires and stops, every metric that is named is served, and each panel has data in a real Prometheus.
//
// It needs the programs prometheus and promtool (the Debian package prometheus). It holds tests only.
package monitoring
