// The SDK's GRPCBroker with a service that keeps the newest event of each resource in memory.
//
// GRPCBroker takes every Publish as a status update from an agent and hands it to the service; it delivers only what a
// service hands out. So the service here keeps what was published and hands it out again as the spec event that it is,
// which walks the whole way: decode, convert, handle, find the subscribers, convert and encode for each of them.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	ce "github.com/cloudevents/sdk-go/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"k8s.io/klog/v2"

	pbv1 "open-cluster-management.io/sdk-go/pkg/cloudevents/generic/options/grpc/protobuf/v1"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/server"
	grpcserver "open-cluster-management.io/sdk-go/pkg/cloudevents/server/grpc"
)

type memoryService struct {
	mu      sync.Mutex
	events  map[string]map[string]*ce.Event
	handler server.EventHandler
}

func text(event *ce.Event, name string) string {
	value, _ := event.Extensions()[name].(string)
	return value
}

func (s *memoryService) List(_ context.Context, options types.ListOptions) ([]*ce.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ofCluster := s.events[options.ClusterName]
	list := make([]*ce.Event, 0, len(ofCluster))
	for _, event := range ofCluster {
		clone := event.Clone()
		list = append(list, &clone)
	}
	return list, nil
}

func (s *memoryService) HandleStatusUpdate(ctx context.Context, event *ce.Event) error {
	cluster, id := text(event, types.ExtensionClusterName), text(event, types.ExtensionResourceID)
	s.mu.Lock()
	ofCluster := s.events[cluster]
	if ofCluster == nil {
		ofCluster = map[string]*ce.Event{}
		s.events[cluster] = ofCluster
	}
	ofCluster[id] = event
	s.mu.Unlock()
	return s.handler.HandleEvent(ctx, event)
}

func (s *memoryService) RegisterHandler(_ context.Context, handler server.EventHandler) {
	s.handler = handler
}

// transport adds TLS 1.3 to the server options when a certificate is given.
func transport(certFile, keyFile string, options ...grpc.ServerOption) []grpc.ServerOption {
	if certFile == "" {
		return options
	}
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13}
	return append(options, grpc.Creds(credentials.NewTLS(config)))
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	certFile := flag.String("cert", "", "PEM of the server certificate; with it TLS 1.3 is spoken")
	keyFile := flag.String("key", "", "PEM of its private key")
	klogFlags := flag.NewFlagSet("klog", flag.ExitOnError)
	klog.InitFlags(klogFlags)
	_ = klogFlags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL", "-v=0"})
	flag.Parse()
	klog.SetOutput(discard{})

	dataType, err := types.ParseCloudEventsDataType("io.open-cluster-management.works.v1alpha1.manifestbundles")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	options := grpcserver.NewBrokerOptions()
	options.HeartbeatCheckInterval = 10 * time.Second
	broker := grpcserver.NewGRPCBroker(options)
	broker.RegisterService(context.Background(), *dataType, &memoryService{events: map[string]map[string]*ce.Event{}})

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	grpcServer := grpc.NewServer(transport(*certFile, *keyFile, grpc.MaxRecvMsgSize(64<<20))...)
	pbv1.RegisterCloudEventServiceServer(grpcServer, broker)
	fmt.Println("ready", listener.Addr())
	if err := grpcServer.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type discard struct{}

func (discard) Write(bytes []byte) (int, error) { return len(bytes), nil }
