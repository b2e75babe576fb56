// Package deploy_test checks what payonce is deployed with, without a container engine. Of docker-compose.yml: it is valid, complete and holds no
// secret, and the service understands every command line and variable that it is given there.
package deploy_test

import (
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/payonce/payonce/internal/config"
)

const root = "../../"

// secrets fill the places that .env.example leaves empty.
var secrets = types.Mapping{
	"POSTGRES_PASSWORD":   "filled0in0password",
	"SECRET_KEY":          "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	"PROVIDER_SECRET_KEY": "sk_test_filled0in",

	"PROVIDER_WEBHOOK_SECRET": "whsec_filled0in",
	"GRAFANA_PASSWORD":        "filled0in0password",
}

// example reads .env.example and returns it with and without the secrets.
func example(t *testing.T) (filled, empty types.Mapping) {
	t.Helper()
	file, err := os.Open(root + ".env.example")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	empty, err = dotenv.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	filled = maps.Clone(empty)
	maps.Copy(filled, secrets)
	return filled, empty
}

func load(ctx context.Context, env types.Mapping) (*types.Project, error) {
	return loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  root,
		ConfigFiles: []types.ConfigFile{{Filename: root + "docker-compose.yml"}},
		Environment: env,
	})
}

func project(t *testing.T) *types.Project {
	t.Helper()
	filled, _ := example(t)
	loaded, err := load(t.Context(), filled)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// ours are the services that run our image.
func ours(t *testing.T) map[string]types.ServiceConfig {
	t.Helper()
	services := map[string]types.ServiceConfig{}
	for _, service := range project(t).AllServices() {
		if service.Build != nil {
			services[service.Name] = service
		}
	}
	if len(services) == 0 {
		t.Fatal("no service runs our image")
	}
	return services
}

func TestTheComposeFileIsValidAndHasEveryPart(t *testing.T) {
	t.Parallel()
	names := project(t).ServiceNames()
	for _, want := range []string{"gateway", "api", "postgres", "redis", "simulator", "migrate", "prometheus", "grafana"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
}

func TestEveryServiceIsInitializedSupervisedAndChecked(t *testing.T) {
	t.Parallel()
	for name, service := range project(t).Services {
		if service.Init == nil || !*service.Init {
			t.Errorf("%s lacks init: true", name)
		}
		if service.Restart == "" || service.Restart == "no" {
			t.Errorf("%s has no restart policy", name)
		}
		if !slices.Equal(service.CapDrop, []string{"ALL"}) {
			t.Errorf("%s keeps capabilities: drops %v", name, service.CapDrop)
		}
		once := service.Restart != types.RestartPolicyUnlessStopped // a one-shot job is checked by its exit code
		if check := service.HealthCheck; !once && (check == nil || check.Disable || len(check.Test) == 0) {
			t.Errorf("%s has no health check", name)
		}
	}
}

// What is mounted is a named volume, or a file of this repository that nothing writes to. make cert makes the gateway's certificate.
func TestWhatIsMountedIsANamedVolumeOrOneOfOurFiles(t *testing.T) {
	t.Parallel()
	loaded := project(t)
	for name, service := range loaded.Services {
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeVolume {
				if _, ok := loaded.Volumes[volume.Source]; !ok {
					t.Errorf("%s mounts %q, which is not named", name, volume.Source)
				}
				continue
			}
			inside, err := filepath.Rel(loaded.WorkingDir, volume.Source)
			if _, missing := os.Stat(root + inside); err != nil || !volume.ReadOnly || !strings.HasPrefix(inside, "deploy/") || missing != nil && inside != "deploy/gateway/tls" {
				t.Errorf("%s mounts %s, read-only %t: %v", name, inside, volume.ReadOnly, missing)
			}
		}
	}
}

// The simulator has the page that a customer's browser is sent to.
func TestOnlyWhatPeopleLookAtIsPublishedAndOnlyOnLoopback(t *testing.T) {
	t.Parallel()
	allowed := map[string]uint32{"gateway": 8443, "simulator": 9090, "grafana": 3000}
	for name, service := range project(t).Services {
		for _, port := range service.Ports {
			if port.Target != allowed[name] || port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s to %d", name, port.HostIP, port.Published, port.Target)
			}
		}
	}
}

func TestTheStoresAndTheMetricsAreReachedFromInsideOnly(t *testing.T) {
	t.Parallel()
	loaded := project(t)
	for _, network := range []string{"stores", "monitoring"} {
		if !loaded.Networks[network].Internal {
			t.Errorf("the network %s is not internal", network)
		}
	}
	for _, name := range []string{"postgres", "redis"} {
		if networks := slices.Collect(maps.Keys(loaded.Services[name].Networks)); !slices.Equal(networks, []string{"stores"}) {
			t.Errorf("%s is in %v", name, networks)
		}
	}
}

func TestEveryServiceHasLimitsAndAReadOnlyRoot(t *testing.T) {
	t.Parallel()
	services := project(t).AllServices()
	if len(services) < 9 {
		t.Fatalf("%d services", len(services))
	}
	for _, service := range services {
		if !service.ReadOnly {
			t.Errorf("%s may write to its root", service.Name)
		}
		if service.Deploy == nil || service.Deploy.Resources.Limits == nil {
			t.Errorf("%s has no limits", service.Name)
			continue
		}
		if l := service.Deploy.Resources.Limits; l.NanoCPUs == 0 || l.MemoryBytes == 0 || l.Pids == 0 {
			t.Errorf("%s lacks a limit: %+v", service.Name, l)
		}
	}
}

func TestImagesArePinnedByVersion(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?[-.\w]*$`)
	for _, service := range project(t).AllServices() {
		if service.Build == nil && !pinned.MatchString(service.Image) {
			t.Errorf("%s runs %s", service.Name, service.Image)
		}
	}
	text, err := os.ReadFile(root + "Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range regexp.MustCompile(`(?m)^FROM (?:--\S+ )?(\S+)`).FindAllStringSubmatch(string(text), -1) {
		if from[1] != "scratch" && !pinned.MatchString(from[1]) {
			t.Errorf("the image is built from %s", from[1])
		}
	}
}

// The replicas believe the gateway, and nothing else, about a client's address; and it has the address that they believe.
func TestTheReplicasBelieveTheGateway(t *testing.T) {
	t.Parallel()
	services := project(t).Services
	believed := services["api"].Environment["TRUSTED_PROXIES"]
	if address := services["gateway"].Networks["front"].Ipv4Address; believed == nil || address == "" || *believed != address {
		t.Errorf("the gateway has the address %q, the replicas believe %v", address, believed)
	}
}

func TestReplicasCanBeAdded(t *testing.T) {
	t.Parallel()
	api := project(t).Services["api"]
	if len(api.Ports) > 0 || api.ContainerName != "" || api.Deploy.Replicas == nil || *api.Deploy.Replicas < 2 {
		t.Errorf("api: ports %v, name %q, %v replicas", api.Ports, api.ContainerName, api.Deploy.Replicas)
	}
}

// The first merchant's key is shown in the terminal, and kept in no container's log.
func TestTheFirstKeyIsNotLogged(t *testing.T) {
	t.Parallel()
	services := project(t).AllServices()
	first, there := services["first-merchant"]
	if !there || first.Logging == nil || first.Logging.Driver != "none" || len(first.Profiles) == 0 {
		t.Errorf("first-merchant: %+v", first)
	}
}

// knownSettings are the names of all variables that config reads.
func knownSettings() map[string]bool {
	known := map[string]bool{}
	for _, variable := range config.Variables() {
		known[variable.Name] = true
	}
	return known
}

func TestEveryVariableOfOurServicesIsASetting(t *testing.T) {
	t.Parallel()
	known := knownSettings()
	for name, service := range ours(t) {
		for variable := range service.Environment {
			if !known[variable] {
				t.Errorf("%s sets %s, which config does not know", name, variable)
			}
		}
	}
}

func TestOurServicesAcceptTheirCommandLinesAndVariables(t *testing.T) {
	t.Parallel()
	for name, service := range ours(t) {
		getenv := func(variable string) string {
			if value := service.Environment[variable]; value != nil {
				return *value
			}
			return ""
		}
		lines := [][]string{service.Command}
		if check := service.HealthCheck; check != nil && !check.Disable {
			if len(check.Test) < 2 || check.Test[0] != "CMD" || check.Test[1] != "/payonce" {
				t.Errorf("%s is checked by %v, but its image holds only /payonce", name, check.Test)
				continue
			}
			lines = append(lines, check.Test[2:])
		}
		for _, line := range lines {
			if _, err := config.Parse(line, getenv, io.Discard, io.Discard); err != nil {
				t.Errorf("%s: payonce %s: %v", name, strings.Join(line, " "), err)
			}
		}
	}
}

func TestComposeRefusesToStartWithoutEachSecret(t *testing.T) {
	t.Parallel()
	for name := range secrets {
		filled, empty := example(t)
		if value, ok := empty[name]; !ok || value != "" {
			t.Errorf(".env.example has %q for %s, want an empty place", value, name)
		}
		filled[name] = ""
		if _, err := load(t.Context(), filled); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: error %v, want one that names it", name, err)
		}
	}
}

func TestNoSecretStandsInTheFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`(?m)^\s*\w*(PASSWORD|SECRET|TOKEN|KEY)\w*:\s*[^$\s]|://\w*:[^$@\s]+@|sk_(test|live)_`)
	if found := literal.FindAll(text, -1); found != nil {
		t.Errorf("docker-compose.yml holds %q", found)
	}
}
