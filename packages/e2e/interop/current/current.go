// Package current is the generic source and agent over the API of SDK v1.2 and later: handlers get
// no action, and the client signals each subscription, the first one too.
package current

import (
	"context"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/common/resource"
	"ce-broker.test/interop/common/role"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/constants"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/clients"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/options/builder"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/types"
)

type lister struct{ set *resource.Set }

func (l lister) List(_ context.Context, o types.ListOptions) ([]*resource.Resource, error) {
	return l.set.Select(o), nil
}

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
	client.Subscribe(ctx, func(ctx context.Context, got *resource.Resource) error {
		r.Received(ctx, got)
		return nil
	})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-client.SubscribedChan():
				r.Signalled(ctx, "subscribed")
			}
		}
	}()
	line.Serve(ctx, r.Handle)
}

func connect(ctx context.Context, flags line.Flags, r *role.Role) (generic.CloudEventsClient[*resource.Resource], error) {
	_, config, err := builder.NewConfigLoader(constants.ConfigTypeGRPC, flags.Config).LoadConfig()
	if err != nil {
		return nil, err
	}
	codec := resource.Codec{DataType: r.DataType, VersionAsString: true}
	if flags.Role == "source" {
		options, err := builder.BuildCloudEventsSourceOptions(config, flags.Source+"-client", flags.Source, r.DataType)
		if err != nil {
			return nil, err
		}
		return clients.NewCloudEventSourceClient[*resource.Resource](ctx, options, lister{r.Set}, resource.StatusHash, codec)
	}
	options, err := builder.BuildCloudEventsAgentOptions(config, flags.Cluster, flags.Cluster+"-agent", r.DataType)
	if err != nil {
		return nil, err
	}
	return clients.NewCloudEventAgentClient[*resource.Resource](ctx, options, lister{r.Set}, resource.StatusHash, codec)
}
