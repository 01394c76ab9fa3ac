module env-cli/bench/etcd

go 1.26.0

require (
	go.etcd.io/etcd/server/v3 v3.6.16
	go.etcd.io/etcd/v3 v3.6.8
	google.golang.org/grpc v1.83.2
)
