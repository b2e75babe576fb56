package deploy_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/payonce/payonce/internal/config"
)

// The fields of the manifests are compared with Kubernetes' own types by tools/manifests, which .ci/run starts. Here they
// are compared with payonce and with each other.

const manifests = root + "deploy/kubernetes/"

// object is what these tests read of a manifest.
type object struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector       struct{ MatchLabels map[string]string }
		ScaleTargetRef struct{ Kind, Name string }
		PodSelector    struct{ MatchLabels map[string]string }
		Template       pod
	}
}

type pod struct {
	Metadata struct{ Labels map[string]string }
	Spec     struct {
		ServiceAccountName            string
		AutomountServiceAccountToken  *bool
		TerminationGracePeriodSeconds int
		SecurityContext               struct{ RunAsNonRoot bool }
		Containers                    []container
	}
}

type container struct {
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int
	}
	EnvFrom []struct{ ConfigMapRef struct{ Name string } }
	Env     []struct {
		Name, Value string
		ValueFrom   struct{ SecretKeyRef struct{ Name, Key string } }
	}
	ReadinessProbe, LivenessProbe, StartupProbe struct{ HTTPGet struct{ Path, Port string } }
	Resources                                   struct{ Requests, Limits map[string]string }
	SecurityContext                             struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop []string }
	}
}

// objects reads every manifest that the kustomization names, by kind.
func objects(t *testing.T) map[string]object {
	t.Helper()
	var kustomization struct{ Resources []string }
	decode(t, manifests+"kustomization.yaml", &kustomization)
	files, err := filepath.Glob(manifests + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" && !slices.Contains(kustomization.Resources, name) {
			t.Errorf("%s is in no kustomization", name)
		}
	}
	found := map[string]object{}
	for _, name := range kustomization.Resources {
		var o object
		decode(t, manifests+name, &o)
		found[o.Kind] = o
	}
	if len(found) != len(kustomization.Resources) {
		t.Errorf("%d kinds in %d files", len(found), len(kustomization.Resources))
	}
	return found
}

// decode reads a file of one YAML document, by way of JSON, whose decoder takes names of members in any case.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Fatalf("%s has more than one document: %v", path, err)
	}
	asJSON, err := json.Marshal(document)
	if err == nil {
		err = json.Unmarshal(asJSON, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// environment is what a container is given: a value for what stands in the Secret, that its setting accepts.
func environment(t *testing.T, of container, settings map[string]string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range of.EnvFrom {
		if from.ConfigMapRef.Name != "payonce" {
			t.Errorf("settings from the ConfigMap %q", from.ConfigMapRef.Name)
		}
		for name, value := range settings {
			env[name] = value
		}
	}
	secret := map[string]string{
		"DATABASE_URL": "postgres://payonce:p@db:5432/payonce", "REDIS_URL": "redis://redis:6379/0",
		"SECRET_KEY": secrets["SECRET_KEY"], "PROVIDER_SECRET_KEY": "sk_live_filled0in", "PROVIDER_WEBHOOK_SECRET": "whsec_filled0in",
	}
	for _, variable := range of.Env {
		ref := variable.ValueFrom.SecretKeyRef
		if ref.Name != "payonce" || ref.Key != variable.Name || variable.Value != "" {
			t.Errorf("%s is %q, from the key %q of the Secret %q", variable.Name, variable.Value, ref.Key, ref.Name)
		}
		env[variable.Name] = secret[variable.Name]
	}
	return env
}

func TestKubernetesContainersHaveSettingsAndArgumentsThatPayonceKnows(t *testing.T) {
	t.Parallel()
	known := knownSettings()
	all := objects(t)
	for _, kind := range []string{"Deployment", "Job"} {
		for _, c := range all[kind].Spec.Template.Spec.Containers {
			env := environment(t, c, all["ConfigMap"].Data)
			for name := range env {
				if !known[name] {
					t.Errorf("%s sets %s, which config does not know", kind, name)
				}
			}
			getenv := func(name string) string { return env[name] }
			if _, err := config.Parse(c.Args, getenv, io.Discard, io.Discard); err != nil {
				t.Errorf("%s: payonce %s: %v", kind, strings.Join(c.Args, " "), err)
			}
		}
	}
}

func TestKubernetesPodsAreRestricted(t *testing.T) {
	t.Parallel()
	for kind, o := range objects(t) {
		spec := o.Spec.Template.Spec
		for _, c := range spec.Containers {
			s := c.SecurityContext
			if !spec.SecurityContext.RunAsNonRoot || !s.ReadOnlyRootFilesystem || s.AllowPrivilegeEscalation == nil ||
				*s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) ||
				spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
				t.Errorf("%s may do more than it has to: %+v", kind, spec)
			}
			if c.Resources.Limits["memory"] == "" || c.Resources.Requests["cpu"] == "" {
				t.Errorf("%s has no limits: %+v", kind, c.Resources)
			}
		}
	}
}

func TestKubernetesProbesPortsAndTimesFitTheService(t *testing.T) {
	t.Parallel()
	all := objects(t)
	spec, settings := all["Deployment"].Spec.Template.Spec, all["ConfigMap"].Data
	if len(spec.Containers) != 1 {
		t.Fatalf("%d containers", len(spec.Containers))
	}
	c := spec.Containers[0]
	if c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.LivenessProbe.HTTPGet.Path != "/healthz" || c.StartupProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("probes %+v", c)
	}
	for i, name := range []string{"ADDR", "ADMIN_ADDR"} {
		if want := ":" + strconv.Itoa(c.Ports[i].ContainerPort); !strings.HasSuffix(settings[name], want) {
			t.Errorf("%s is %s, the container's port %s", name, settings[name], want)
		}
	}
	delay, err := time.ParseDuration(settings["SHUTDOWN_DELAY"])
	if err != nil {
		t.Fatal(err)
	}
	if least := delay + 20*time.Second; time.Duration(spec.TerminationGracePeriodSeconds)*time.Second < least {
		t.Errorf("pods are killed after %d s, a shutdown may take %s", spec.TerminationGracePeriodSeconds, least)
	}
}

func TestKubernetesPoliciesSelectTheDeployment(t *testing.T) {
	t.Parallel()
	all := objects(t)
	labels := all["Deployment"].Spec.Template.Metadata.Labels
	selects := func(kind string, selector map[string]string) {
		for name, value := range selector {
			if labels[name] != value {
				t.Errorf("%s selects %s=%s, pods have %q", kind, name, value, labels[name])
			}
		}
		if len(selector) == 0 {
			t.Errorf("%s selects everything", kind)
		}
	}
	selects("Deployment", all["Deployment"].Spec.Selector.MatchLabels)
	selects("PodDisruptionBudget", all["PodDisruptionBudget"].Spec.Selector.MatchLabels)
	selects("NetworkPolicy", all["NetworkPolicy"].Spec.PodSelector.MatchLabels)
	if ref := all["HorizontalPodAutoscaler"].Spec.ScaleTargetRef; ref.Kind != "Deployment" || ref.Name != all["Deployment"].Metadata.Name {
		t.Errorf("the autoscaler scales %+v", ref)
	}
	if labels["app.kubernetes.io/component"] == all["Job"].Spec.Template.Metadata.Labels["app.kubernetes.io/component"] {
		t.Error("the Deployment's labels fit the pods of the job, which would get requests")
	}
}
