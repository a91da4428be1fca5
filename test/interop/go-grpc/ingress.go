package main

import (
	"bufio"
	"encoding/base64"
	"os"
	"strings"

	"google.golang.org/grpc"
)

// ingress sends what stands on stdin to an agent: a method of loggregator.v2.Ingress and a message in base64 on each line.
// Messages of a streaming method share one stream.
func (p peer) ingress() {
	streams := map[string]grpc.ClientStream{}
	sent := 0
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		method, text, _ := strings.Cut(lines.Text(), " ")
		message, err := base64.StdEncoding.DecodeString(text)
		must(err)
		path := "/loggregator.v2.Ingress/" + method
		if method == "Send" {
			var out []byte
			must(p.conn.Invoke(p.ctx, path, &message, &out))
		} else {
			if streams[method] == nil {
				streams[method], err = p.conn.NewStream(p.ctx, &grpc.StreamDesc{StreamName: method, ClientStreams: true}, path)
				must(err)
			}
			must(streams[method].SendMsg(&message))
		}
		sent++
	}
	for _, stream := range streams {
		must(stream.CloseSend())
		var out []byte
		must(stream.RecvMsg(&out))
	}
	report(map[string]any{"sent": sent})
}
