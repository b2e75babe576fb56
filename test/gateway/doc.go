// Package gateway runs the gateways of deploy/gateway for real, with the very files that compose mounts, before replicas of the
// real binary and before replicas that a test writes by hand. Replicas are addresses of one name, as containers are: a name server
// of the test's own knows them.
package gateway
