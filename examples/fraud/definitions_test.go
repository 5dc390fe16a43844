package fraud_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"larder/examples/fraud"
	"larder/internal/pgtest"
)

type definitions struct {
	FeatureServices []struct {
		Name     string
		Features []string
	} `yaml:"feature_services"`
	Models []struct {
		Versions []struct {
			ONNX   string
			SHA256 string
		}
	}
}

func readDefinitions(t *testing.T) definitions {
	t.Helper()
	raw, err := fs.ReadFile(fraud.Definitions(), "fraud.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d definitions
	if err := yaml.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.FeatureServices) == 0 || d.FeatureServices[0].Name != "fraud_v1" || len(d.Models) != 2 {
		t.Fatalf("fraud.yaml has %d feature services and %d models, want fraud_v1 first, and two models", len(d.FeatureServices), len(d.Models))
	}
	return d
}

func TestDefinitionsNameTheirModelFiles(t *testing.T) {
	for _, m := range readDefinitions(t).Models {
		if len(m.Versions) == 0 {
			t.Error("a model has no version")
		}
		for _, v := range m.Versions {
			model, err := fs.ReadFile(fraud.Definitions(), v.ONNX)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(model)); got != v.SHA256 {
				t.Errorf("%s has SHA-256 %s, fraud.yaml says %s; run train.py", v.ONNX, got, v.SHA256)
			}
		}
	}
}

func TestTrainingRowsHaveTheStoredFeaturesOfTheService(t *testing.T) {
	conn := loaded(t, pgtest.New(t), small)
	rows, err := conn.Query(t.Context(), `
		SELECT attname FROM pg_attribute
		WHERE attrelid = 'fraud.training_rows'::regclass AND attnum > 3 ORDER BY attnum`)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	stored := slices.DeleteFunc(readDefinitions(t).FeatureServices[0].Features, func(f string) bool { return strings.HasPrefix(f, "txn_context:") })
	if diff := cmp.Diff(stored, columns); diff != "" {
		t.Errorf("fraud.yaml (-) and fraud.training_rows (+) disagree:\n%s", diff)
	}
}
