//go:build tools

// Package tools names what the benchmark compares with: etcd, and etcd's own load generator.
package tools

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "go.etcd.io/etcd/v3/tools/benchmark"
)
