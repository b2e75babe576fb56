package monitoring

import (
	"encoding/json"
	"strings"
	"testing"
)

// board is what the tests read of Grafana's JSON.
type board struct {
	UID        string
	Panels     []panel
	Templating struct {
		List []struct {
			Name, Definition string
			Datasource       source
		}
	}
}

type panel struct {
	ID          int
	Title, Type string
	Datasource  source
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		RefID, Expr string
		Datasource  source
	}
}

type source struct{ Type, UID string }

func loadBoard(t *testing.T) (b board) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, root+"/deploy/grafana/dashboards/payonce.json")), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// queries are what the panels ask, by panel and query, with Grafana's variables replaced as Grafana would.
func (b *board) queries() map[string]string {
	all := map[string]string{}
	fill := strings.NewReplacer("$__rate_interval", "15s", "$instance", ".*")
	for _, p := range b.Panels {
		for _, target := range p.Targets {
			all[p.Title+" "+target.RefID] = fill.Replace(target.Expr)
		}
	}
	return all
}

// TestTheBoardFitsWhatIsProvisioned: the data source and the folder that Grafana is given are those that the board means.
func TestTheBoardFitsWhatIsProvisioned(t *testing.T) {
	t.Parallel()
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			IsDefault                    bool           `yaml:"isDefault"`
			Editable                     bool           `yaml:"editable"`
			JSONData                     map[string]any `yaml:"jsonData"`
		}
	}
	decode(t, root+"/deploy/grafana/provisioning/datasources/prometheus.yml", &sources)
	var dashboards struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type            string
			DisableDeletion       bool              `yaml:"disableDeletion"`
			AllowUIUpdates        bool              `yaml:"allowUiUpdates"`
			UpdateIntervalSeconds int               `yaml:"updateIntervalSeconds"`
			Options               map[string]string `yaml:"options"`
		}
	}
	decode(t, root+"/deploy/grafana/provisioning/dashboards/payonce.yml", &dashboards)
	if len(dashboards.Providers) != 1 || dashboards.Providers[0].Type != "file" || dashboards.Providers[0].Options["path"] == "" {
		t.Errorf("got the providers %+v, want one of files", dashboards.Providers)
	}
	if len(sources.Datasources) != 1 || sources.Datasources[0].URL == "" {
		t.Fatalf("got the data sources %+v, want one", sources.Datasources)
	}
	want := source{sources.Datasources[0].Type, sources.Datasources[0].UID}
	b := loadBoard(t)
	ids := map[int]bool{}
	for _, p := range b.Panels {
		if ids[p.ID] {
			t.Errorf("%s: its id %d is another panel's, too", p.Title, p.ID)
		}
		ids[p.ID] = true
		if g := p.GridPos; g.W < 1 || g.H < 1 || g.X < 0 || g.X+g.W > 24 {
			t.Errorf("%s: got the place %+v, want one within 24 columns", p.Title, g)
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource != want {
			t.Errorf("%s: got %d queries to %v, want some to %v", p.Title, len(p.Targets), p.Datasource, want)
		}
		for _, target := range p.Targets {
			if target.Datasource != want {
				t.Errorf("%s: the query %s goes to %v, want %v", p.Title, target.RefID, target.Datasource, want)
			}
		}
	}
	for name, query := range b.queries() {
		if strings.Contains(query, "$") {
			t.Errorf("%s: the board has no such variable: %s", name, query)
		}
	}
}
