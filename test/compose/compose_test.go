// Package compose_test checks docker-compose.yml without a Docker engine: the file is valid, complete and holds no
// secret, and the service understands every command line and variable that it is given there.
package compose_test

import (
	"context"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/payonce/payonce/config"
)

const root = "../../"

// secrets fill the places that .env.example leaves empty.
var secrets = types.Mapping{
	"POSTGRES_PASSWORD":   "filled0in0password",
	"SECRET_KEY":          "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	"PROVIDER_SECRET_KEY": "sk_test_filled0in",
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
	for name, service := range project(t).Services {
		if service.Build != nil {
			services[name] = service
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
	for _, want := range []string{"api", "postgres", "redis", "simulator"} {
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
		if service.Restart == "" {
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

func TestEveryVolumeIsNamed(t *testing.T) {
	t.Parallel()
	loaded := project(t)
	for name, service := range loaded.Services {
		for _, volume := range service.Volumes {
			if _, ok := loaded.Volumes[volume.Source]; volume.Type != types.VolumeTypeVolume || !ok {
				t.Errorf("%s mounts %q as %s, want a named volume", name, volume.Source, volume.Type)
			}
		}
	}
}

func TestOnlyTheAPIIsPublishedAndOnlyOnLoopback(t *testing.T) {
	t.Parallel()
	for name, service := range project(t).Services {
		for _, port := range service.Ports {
			if name != "api" || port.Target != 8080 || port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s to %d", name, port.HostIP, port.Published, port.Target)
			}
		}
	}
}

func TestEveryVariableOfOurServicesIsASetting(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, variable := range config.Variables() {
		known[variable.Name] = true
	}
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
