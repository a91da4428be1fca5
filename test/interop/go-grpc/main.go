// Command go-grpc is the Go peer of the gRPC interop tests: `server` or `client`, with messages as raw bytes.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"
)

// rawCodec hands messages over as *[]byte.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (rawCodec) Name() string { return "proto" }

// mutualTLS reads ca.pem, cert.pem and key.pem of a folder.
func mutualTLS(dir string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(dir+"/cert.pem", dir+"/key.pem")
	must(err)
	pem, err := os.ReadFile(dir + "/ca.pem")
	must(err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		must(fmt.Errorf("no CA in %s", dir))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair},
		RootCAs:      pool,
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ServerName:   "metron",
	}
}

func transport(dir string) credentials.TransportCredentials {
	return credentials.NewTLS(mutualTLS(dir))
}

// report prints one JSON line.
func report(fields map[string]any) {
	line, err := json.Marshal(fields)
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) < 3 {
		must(fmt.Errorf("usage: go-grpc server DIR | client DIR ADDRESS SCENARIO"))
	}
	if os.Args[1] == "server" {
		serve(os.Args[2])
		return
	}
	call(os.Args[2], os.Args[3], os.Args[4])
}
