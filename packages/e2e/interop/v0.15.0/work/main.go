// A source or agent of ManifestWorks over SDK v0.15.0.
package main

import (
	"context"

	workinformers "open-cluster-management.io/api/client/work/informers/externalversions"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/works"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/constants"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/work"
	agentcodec "open-cluster-management.io/sdk-go/pkg/cloudevents/work/agent/codec"
	sourcecodec "open-cluster-management.io/sdk-go/pkg/cloudevents/work/source/codec"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/work/store"
)

func main() { works.Main(connect) }

func connect(ctx context.Context, flags line.Flags) (works.Client, error) {
	_, config, err := generic.NewConfigLoader(constants.ConfigTypeGRPC, flags.Config).LoadConfig()
	if err != nil {
		return works.Client{}, err
	}
	builder := work.NewClientHolderBuilder(config)
	if flags.Role == "source" {
		watched := store.NewSourceInformerWatcherStore(ctx)
		holder, err := builder.WithClientID(flags.Source + "-client").WithSourceID(flags.Source).
			WithCodecs(sourcecodec.NewManifestBundleCodec()).WithWorkClientWatcherStore(watched).NewSourceClientHolder(ctx)
		if err != nil {
			return works.Client{}, err
		}
		informer := workinformers.NewSharedInformerFactory(holder.WorkInterface(), 0).Work().V1().ManifestWorks().Informer()
		watched.SetStore(informer.GetStore())
		return works.Client{Works: holder, Informer: informer}, nil
	}
	watched := store.NewAgentInformerWatcherStore()
	holder, err := builder.WithClientID(flags.Cluster + "-agent").WithClusterName(flags.Cluster).
		WithCodecs(agentcodec.NewManifestBundleCodec()).WithWorkClientWatcherStore(watched).NewAgentClientHolder(ctx)
	if err != nil {
		return works.Client{}, err
	}
	informer := workinformers.NewSharedInformerFactoryWithOptions(holder.WorkInterface(), 0,
		workinformers.WithNamespace(flags.Cluster)).Work().V1().ManifestWorks().Informer()
	watched.SetStore(informer.GetStore())
	return works.Client{Works: holder, Informer: informer}, nil
}
