// A source or agent of ManifestWorks over SDK v1.3.0.
package main

import (
	"context"

	workinformers "open-cluster-management.io/api/client/work/informers/externalversions"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/works"

	"open-cluster-management.io/sdk-go/pkg/cloudevents/clients/options"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/clients/work"
	agentcodec "open-cluster-management.io/sdk-go/pkg/cloudevents/clients/work/agent/codec"
	sourcecodec "open-cluster-management.io/sdk-go/pkg/cloudevents/clients/work/source/codec"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/clients/work/store"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/constants"
	"open-cluster-management.io/sdk-go/pkg/cloudevents/generic/options/builder"
)

func main() { works.Main(connect) }

func connect(ctx context.Context, flags line.Flags) (works.Client, error) {
	_, config, err := builder.NewConfigLoader(constants.ConfigTypeGRPC, flags.Config).LoadConfig()
	if err != nil {
		return works.Client{}, err
	}
	if flags.Role == "source" {
		watched := store.NewSourceInformerWatcherStore(ctx)
		holder, err := work.NewSourceClientHolder(ctx,
			options.NewGenericClientOptions(config, sourcecodec.NewManifestBundleCodec(), flags.Source+"-client").
				WithSourceID(flags.Source).WithClientWatcherStore(watched))
		if err != nil {
			return works.Client{}, err
		}
		informer := workinformers.NewSharedInformerFactory(holder.WorkInterface(), 0).Work().V1().ManifestWorks().Informer()
		watched.SetInformer(informer)
		return works.Client{Works: holder, Informer: informer}, nil
	}
	watched := store.NewAgentInformerWatcherStore()
	holder, err := work.NewAgentClientHolder(ctx,
		options.NewGenericClientOptions(config, agentcodec.NewManifestBundleCodec(), flags.Cluster+"-agent").
			WithClusterName(flags.Cluster).WithClientWatcherStore(watched))
	if err != nil {
		return works.Client{}, err
	}
	informer := workinformers.NewSharedInformerFactoryWithOptions(holder.WorkInterface(), 0,
		workinformers.WithNamespace(flags.Cluster)).Work().V1().ManifestWorks().Informer()
	return works.Client{Works: holder, Informer: informer}, nil
}
