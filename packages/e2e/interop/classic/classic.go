// Package classic is the generic source and agent over the API of SDK v0.15 to v1.1: handlers get
// an action, and the client signals each reconnection.
package classic

import (
	"context"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/common/resource"
	"ce-broker.test/interop/common/role"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/constants"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

type lister struct{ set *resource.Set }

func (l lister) List(o types.ListOptions) ([]*resource.Resource, error) { return l.set.Select(o), nil }

// Main is the whole program.
func Main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	flags := line.ParseFlags()
	r := role.New(flags)
	client, err := connect(ctx, flags, r)
	if err != nil {
		line.Fatal(err)
	}
	r.Start(client)
	client.Subscribe(ctx, func(_ types.ResourceAction, got *resource.Resource) error {
		r.Received(ctx, got)
		return nil
	})
	go func() {
		// The first subscription gives no signal: resync at once, as the SDK's own work client does.
		r.Signalled(ctx, "started")
		for {
			select {
			case <-ctx.Done():
				return
			case <-client.ReconnectedChan():
				r.Signalled(ctx, "reconnected")
			}
		}
	}()
	line.Serve(ctx, r.Handle)
}

func connect(ctx context.Context, flags line.Flags, r *role.Role) (generic.CloudEventsClient[*resource.Resource], error) {
	_, config, err := generic.NewConfigLoader(constants.ConfigTypeGRPC, flags.Config).LoadConfig()
	if err != nil {
		return nil, err
	}
	codec := resource.Codec{DataType: r.DataType}
	if flags.Role == "source" {
		options, err := generic.BuildCloudEventsSourceOptions(config, flags.Source+"-client", flags.Source)
		if err != nil {
			return nil, err
		}
		return generic.NewCloudEventSourceClient[*resource.Resource](ctx, options, lister{r.Set}, resource.StatusHash, codec)
	}
	options, err := generic.BuildCloudEventsAgentOptions(config, flags.Cluster, flags.Cluster+"-agent")
	if err != nil {
		return nil, err
	}
	return generic.NewCloudEventAgentClient[*resource.Resource](ctx, options, lister{r.Set}, resource.StatusHash, codec)
}
