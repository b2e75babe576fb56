// Command manifests decodes Kubernetes manifests by Kubernetes' own types and refuses every field that these don't have, and
// every value of another type. Usage: manifests FOLDER. It belongs to the tools, so that the service needs none of those types.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// kinds are those that payonce uses, by apiVersion and kind.
func kinds() map[metav1.TypeMeta]any {
	kind := func(version, name string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: version, Kind: name} }
	return map[metav1.TypeMeta]any{
		kind("v1", "Namespace"):                           new(corev1.Namespace),
		kind("v1", "ServiceAccount"):                      new(corev1.ServiceAccount),
		kind("v1", "ConfigMap"):                           new(corev1.ConfigMap),
		kind("v1", "Service"):                             new(corev1.Service),
		kind("apps/v1", "Deployment"):                     new(appsv1.Deployment),
		kind("batch/v1", "Job"):                           new(batchv1.Job),
		kind("policy/v1", "PodDisruptionBudget"):          new(policyv1.PodDisruptionBudget),
		kind("autoscaling/v2", "HorizontalPodAutoscaler"): new(autoscalingv2.HorizontalPodAutoscaler),
		kind("networking.k8s.io/v1", "NetworkPolicy"):     new(networkingv1.NetworkPolicy),
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%d arguments; usage: manifests FOLDER", len(args))
	}
	files, err := filepath.Glob(filepath.Join(args[0], "*.yaml"))
	if err != nil {
		return err
	}
	decoded := 0
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		if err := decode(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		decoded++
	}
	if decoded == 0 {
		return fmt.Errorf("no manifest in %s", args[0])
	}
	fmt.Println(decoded, "manifests hold only fields that Kubernetes knows")
	return nil
}

func decode(file string) error {
	text, err := os.ReadFile(file) //nolint:gosec // the folder is the caller's
	if err != nil {
		return err
	}
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(text, &meta); err != nil {
		return err
	}
	object, known := kinds()[meta]
	if !known {
		return fmt.Errorf("%s %s is none of the kinds that payonce uses", meta.APIVersion, meta.Kind)
	}
	return yaml.UnmarshalStrict(text, object)
}
