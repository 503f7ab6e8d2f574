package works

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	workv1 "open-cluster-management.io/api/work/v1"

	"ce-broker.test/interop/common/line"
	"ce-broker.test/interop/common/manifests"
)

// versionAnnotation is where the SDK's source client looks for the version of a work.
const versionAnnotation = "cloudevents.open-cluster-management.io/resourceversion"

// versionOf reads the version that the source gave, wherever this SDK keeps it.
func versionOf(work *workv1.ManifestWork) int64 {
	if work.Generation != 0 {
		return work.Generation
	}
	text, ok := work.Annotations[versionAnnotation]
	if !ok {
		text = work.ResourceVersion
	}
	version, _ := strconv.ParseInt(text, 10, 64)
	return version
}

type source struct{ Client }

func (s source) handle(ctx context.Context, c line.Command) (line.Event, error) {
	works := s.Works.ManifestWorks(c.Cluster)
	switch c.Op {
	case "state":
		return state(s.Client), nil
	case "delete":
		return nil, works.Delete(ctx, c.Name, metav1.DeleteOptions{})
	case "create", "scale":
		template, err := template(c)
		if err != nil {
			return nil, err
		}
		annotations := map[string]string{versionAnnotation: strconv.FormatInt(c.Version, 10)}
		if c.Op == "create" {
			_, err = works.Create(ctx, &workv1.ManifestWork{
				ObjectMeta: metav1.ObjectMeta{Name: c.Name, Annotations: annotations},
				Spec:       workv1.ManifestWorkSpec{Workload: template},
			}, metav1.CreateOptions{})
			return nil, err
		}
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"annotations": annotations},
			"spec":     map[string]any{"workload": template},
		})
		if err != nil {
			return nil, err
		}
		_, err = works.Patch(ctx, c.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return nil, err
	}
	return nil, fmt.Errorf("a source of works knows no op %q", c.Op)
}

// template reads the folder of the command, with the replicas of its Deployments set when asked.
func template(c line.Command) (workv1.ManifestsTemplate, error) {
	objects, err := manifests.Read(c.Dir)
	if err != nil {
		return workv1.ManifestsTemplate{}, err
	}
	var t workv1.ManifestsTemplate
	for _, object := range objects {
		if c.Replicas != 0 && object["kind"] == "Deployment" {
			object["spec"].(map[string]any)["replicas"] = c.Replicas
		}
		raw, err := json.Marshal(object)
		if err != nil {
			return t, err
		}
		t.Manifests = append(t.Manifests, workv1.Manifest{RawExtension: runtime.RawExtension{Raw: raw}})
	}
	return t, nil
}

func state(c Client) line.Event {
	list := []line.Event{}
	for _, obj := range c.Informer.GetStore().List() {
		if work, ok := obj.(*workv1.ManifestWork); ok {
			list = append(list, describe("", work))
		}
	}
	return line.Event{"works": list}
}
