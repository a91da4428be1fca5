// An OTLP receiver of the reference code: decodes with the generated types and prints what it got, a JSON line a record.
//
// usage: go-otlp CA CERT KEY [http]; the first line on stdout is the address. With `http` the second is that of a plain
// HTTP server for /v1/logs, /v1/metrics and /v1/traces, protobuf and JSON, gzip.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

var printing sync.Mutex

func show(signal string, record proto.Message) {
	printing.Lock()
	defer printing.Unlock()
	text, err := protojson.Marshal(record)
	check(err)
	line, err := json.Marshal(map[string]json.RawMessage{signal: text})
	check(err)
	fmt.Println(string(line))
}

type logsServer struct {
	logs.UnimplementedLogsServiceServer
}

func (logsServer) Export(_ context.Context, request *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	for _, resource := range request.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				show("log", record)
			}
		}
	}
	return &logs.ExportLogsServiceResponse{}, nil
}

type metricsServer struct {
	metrics.UnimplementedMetricsServiceServer
}

func (metricsServer) Export(_ context.Context, request *metrics.ExportMetricsServiceRequest) (*metrics.ExportMetricsServiceResponse, error) {
	for _, resource := range request.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, metric := range scope.Metrics {
				show("metric", metric)
			}
		}
	}
	return &metrics.ExportMetricsServiceResponse{}, nil
}

type tracesServer struct {
	traces.UnimplementedTraceServiceServer
}

func (tracesServer) Export(_ context.Context, request *traces.ExportTraceServiceRequest) (*traces.ExportTraceServiceResponse, error) {
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				show("span", span)
			}
		}
	}
	return &traces.ExportTraceServiceResponse{}, nil
}

func main() {
	pair, err := tls.LoadX509KeyPair(os.Args[2], os.Args[3])
	check(err)
	ca, err := os.ReadFile(os.Args[1])
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	// As the collector's job configures it.
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	logs.RegisterLogsServiceServer(server, logsServer{})
	metrics.RegisterMetricsServiceServer(server, metricsServer{})
	traces.RegisterTraceServiceServer(server, tracesServer{})
	fmt.Printf("%q\n", listener.Addr().String())
	if len(os.Args) > 4 {
		go serveHTTP()
	}
	check(server.Serve(listener))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
