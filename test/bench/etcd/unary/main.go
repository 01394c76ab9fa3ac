// Command unary makes one unary call again and again, from many goroutines over few connections, and prints what it
// measured as JSON. Requests are bytes that were made before, and answers are not decoded: what it costs is the call.
//
// It reaches env-cli and etcd alike. Why not ghz: measured side by side at 128 in flight, ghz takes 53 µs of CPU a call and
// this 32, about what etcd's own benchmark takes. On a machine that members and generator share, that is 35 % of the rate.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"log"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// raw passes bytes through.
type raw struct{}

func (raw) Name() string                        { return "proto" }
func (raw) Marshal(v any) ([]byte, error)       { return *v.(*[]byte), nil }
func (raw) Unmarshal(bytes []byte, v any) error { *v.(*[]byte) = bytes; return nil }

type report struct {
	Operations   int     `json:"operations"`
	Failures     int     `json:"failures"`
	FirstFailure string  `json:"firstFailure"`
	Seconds      float64 `json:"seconds"`
	P50Ms        float64 `json:"p50Ms"`
	P99Ms        float64 `json:"p99Ms"`
}

func main() {
	address := flag.String("address", "", "host:port of a member")
	method := flag.String("method", "", "/package.Service/Method")
	file := flag.String("requests", "", "file of requests, each after its length (u32, big-endian); used in turn")
	clients := flag.Int("clients", 1, "calls in flight")
	conns := flag.Int("conns", 1, "connections")
	warm := flag.Duration("warm", time.Second, "time before the measurement")
	measure := flag.Duration("measure", 5*time.Second, "time of the measurement")
	flag.Parse()

	requests := read(*file)
	connections := make([]*grpc.ClientConn, *conns)
	for i := range connections {
		conn, err := grpc.NewClient("passthrough:///"+*address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			log.Fatal(err)
		}
		connections[i] = conn
	}

	began := time.Now().Add(*warm)
	ends := began.Add(*measure)
	var next, failures atomic.Int64
	var firstFailure atomic.Pointer[string]
	latencies := make([][]time.Duration, *clients)
	var all sync.WaitGroup
	for c := range *clients {
		all.Add(1)
		go func() {
			defer all.Done()
			conn := connections[c%len(connections)]
			var answer []byte
			for {
				request := requests[int(next.Add(1)-1)%len(requests)]
				// A call that hangs must end the run, not lengthen it.
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				sent := time.Now()
				err := conn.Invoke(ctx, *method, &request, &answer, grpc.ForceCodec(raw{}))
				cancel()
				done := time.Now()
				if done.After(ends) {
					return
				}
				if err != nil {
					failures.Add(1)
					text := err.Error()
					firstFailure.CompareAndSwap(nil, &text)
				} else if done.After(began) {
					latencies[c] = append(latencies[c], done.Sub(sent))
				}
			}
		}()
	}
	all.Wait()

	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	result := report{Operations: len(sorted), Failures: int(failures.Load()), Seconds: measure.Seconds()}
	if text := firstFailure.Load(); text != nil {
		result.FirstFailure = *text
	}
	if len(sorted) > 0 {
		result.P50Ms = ms(sorted[len(sorted)/2])
		result.P99Ms = ms(sorted[len(sorted)*99/100])
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func read(file string) [][]byte {
	bytes, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var requests [][]byte
	for len(bytes) > 0 {
		length := binary.BigEndian.Uint32(bytes)
		requests = append(requests, bytes[4:4+length])
		bytes = bytes[4+length:]
	}
	if len(requests) == 0 {
		log.Fatal("no requests in " + file)
	}
	return requests
}
