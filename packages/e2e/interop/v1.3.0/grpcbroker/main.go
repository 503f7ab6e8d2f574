// The SDK's own GRPCBroker (v1.3.0) over a service that keeps its resources in memory and tells what agents publish:
//
//	grpcbroker source --listen HOST:PORT --source ID --data-type TYPE [--state FILE]
//
// It serves agents only: what it publishes itself comes from its commands, those of a source.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/common/resource"

	pbv1 "open-cluster-management.io/sdk-go/pkg/cloudevents/generic/options/grpc/protobuf/v1"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/server"
	grpcserver "open-cluster-management.io/sdk-go/pkg/cloudevents/server/grpc"
)

type service struct {
	source  string
	codec   resource.Codec
	set     *resource.Set
	handler server.EventHandler
}

func (s *service) RegisterHandler(_ context.Context, handler server.EventHandler) {
	s.handler = handler
}

func (s *service) List(_ context.Context, o types.ListOptions) ([]*cloudevents.Event, error) {
	list := []*cloudevents.Event{}
	for _, r := range s.set.Select(types.ListOptions{ClusterName: o.ClusterName}) {
		evt, err := s.encode("resync_response", r)
		if err != nil {
			return nil, err
		}
		list = append(list, evt)
	}
	return list, nil
}

// HandleStatusUpdate gets whatever is published, a source's specs too.
func (s *service) HandleStatusUpdate(_ context.Context, evt *cloudevents.Event) error {
	got, err := s.codec.Decode(evt)
	if err != nil {
		return err
	}
	known := false
	s.set.Change(got.ID, func(own *resource.Resource, found bool) bool {
		known = found
		own.Status = got.Status
		return found && !(got.Deleted && own.Deleting != nil)
	})
	line.Emit(line.Event{"event": "status", "id": got.ID, "cluster": got.Cluster, "version": got.Version, "from": evt.Source(),
		"type": evt.Type(), "status": got.Status, "deleted": got.Deleted, "known": known})
	return nil
}

func (s *service) encode(action string, r *resource.Resource) (*cloudevents.Event, error) {
	return s.codec.Encode(s.source, types.CloudEventsType{CloudEventsDataType: s.codec.DataType,
		SubResource: types.SubResourceSpec, Action: types.EventAction(action)}, r)
}

func (s *service) handle(ctx context.Context, c line.Command) (line.Event, error) {
	one := resource.Resource{ID: c.ID, Cluster: c.Cluster, Source: s.source, Version: c.Version, Spec: c.Spec}
	action := "update_request"
	switch c.Op {
	case "state":
		return line.Event{"resources": s.set.Select(types.ListOptions{})}, nil
	case "publish":
		action = "create_request"
		s.set.Put(one)
	case "update", "delete":
		known := false
		s.set.Change(c.ID, func(own *resource.Resource, found bool) bool {
			known = found
			if c.Op == "delete" {
				action = "delete_request"
				own.Deleting = &metav1.Time{Time: time.Now()}
			} else {
				own.Version, own.Spec = c.Version, c.Spec
			}
			one = *own
			return found
		})
		if !known {
			return nil, fmt.Errorf("no resource %q here", c.ID)
		}
	default:
		return nil, fmt.Errorf("the GRPCBroker program knows no op %q", c.Op)
	}
	evt, err := s.encode(action, &one)
	if err != nil {
		return nil, err
	}
	return nil, s.handler.HandleEvent(ctx, evt)
}

func (s *service) load(file string) error {
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var list []resource.Resource
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, one := range list {
		s.set.Put(one)
	}
	return nil
}

func main() {
	set := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	listen := set.String("listen", "127.0.0.1:0", "address to listen on")
	source := set.String("source", "hub", "who publishes the specs")
	state := set.String("state", "", "JSON file with the resources that are held from the start")
	typeName := set.String("data-type", "io.ce-broker.test.v1.widgets", "GROUP.VERSION.RESOURCE")
	if len(os.Args) < 2 || os.Args[1] != "source" {
		line.Fatal(fmt.Errorf("usage: PROGRAM source [--listen HOST:PORT] [--source ID] [--data-type TYPE] [--state FILE]"))
	}
	_ = set.Parse(os.Args[2:])
	dataType, err := types.ParseCloudEventsDataType(*typeName)
	if err != nil {
		line.Fatal(err)
	}
	own := &service{source: *source, codec: resource.Codec{DataType: *dataType, VersionAsString: true}, set: resource.NewSet()}
	if err := own.load(*state); err != nil {
		line.Fatal(fmt.Errorf("--state: %w", err))
	}
	ctx := context.Background()
	broker := grpcserver.NewGRPCBroker(grpcserver.NewBrokerOptions())
	broker.RegisterService(ctx, *dataType, own)
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		line.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	pbv1.RegisterCloudEventServiceServer(grpcServer, broker)
	go func() {
		if err := grpcServer.Serve(listener); err != nil {
			line.Fatal(err)
		}
	}()
	line.Emit(line.Event{"event": "listening", "address": listener.Addr().String()})
	line.Serve(ctx, own.handle)
}
