// Package works is a source and an agent of ManifestWorks over the SDK's own work clients. What
// differs between SDK versions is how the client is made, so that stays in each program.
package works

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/cache"

	workv1client "open-cluster-management.io/api/client/work/clientset/versioned/typed/work/v1"
	workv1 "open-cluster-management.io/api/work/v1"

	"ce-broker.test/interop/common/line"
)

// Client is what a program has made with its SDK: the work client, and an informer fed by it.
type Client struct {
	Works    workv1client.ManifestWorksGetter
	Informer cache.SharedIndexInformer
}

// Main is the whole program.
func Main(connect func(ctx context.Context, flags line.Flags) (Client, error)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	flags := line.ParseFlags()
	client, err := connect(ctx, flags)
	if err != nil {
		line.Fatal(err)
	}
	handle := source{client}.handle
	if flags.Role == "agent" {
		handle = agent{client, flags.Cluster}.handle
	}
	observe := func(action string) func(any) {
		return func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if work, ok := obj.(*workv1.ManifestWork); ok {
				line.Emit(describe(action, work))
			}
		}
	}
	if _, err := client.Informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    observe("ADDED"),
		UpdateFunc: func(_, obj any) { observe("MODIFIED")(obj) },
		DeleteFunc: observe("DELETED"),
	}); err != nil {
		line.Fatal(err)
	}
	go client.Informer.Run(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), client.Informer.HasSynced) {
		return
	}
	line.Serve(ctx, handle)
}

func describe(action string, work *workv1.ManifestWork) line.Event {
	conditions := map[string]string{}
	for _, c := range work.Status.Conditions {
		conditions[c.Type] = string(c.Status)
	}
	return line.Event{"event": "work", "action": action, "name": work.Name, "id": work.UID, "cluster": work.Namespace,
		"version": versionOf(work), "deleting": work.DeletionTimestamp != nil, "conditions": conditions,
		"observed": observed(work), "manifests": len(work.Status.ResourceStatus.Manifests)}
}

// observed is the version that the newest Applied condition speaks of, 0 without one.
func observed(work *workv1.ManifestWork) int64 {
	if c := meta.FindStatusCondition(work.Status.Conditions, workv1.WorkApplied); c != nil {
		return c.ObservedGeneration
	}
	return 0
}
