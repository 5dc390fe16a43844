package registry_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"larder/schema"
)

// TestModelFilesThatNothingNames go after a day; those of any version of the
// definitions stay.
func TestModelFilesThatNothingNames(t *testing.T) {
	db := database(t)
	n, err := newNode(t, db.DSN, t.TempDir(), new(rows))
	if err != nil {
		t.Fatal(err)
	}
	store := func(file string) string {
		t.Helper()
		raw := sha256.Sum256([]byte(file))
		sum, rest := hex.EncodeToString(raw[:]), []byte(file)
		if err := n.PutModel(ctx(), sum, int64(len(file)), func() (chunk []byte, err error) { chunk, rest = rest, nil; return chunk, nil }); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	named, young, old, asked := store("named"), store("young"), store("old"), store("asked")
	model := schema.Model{Name: "m", FeatureService: "s", Versions: []schema.ModelVersion{{Version: 1, SHA256: named}}}
	defs := &schema.Definitions{FeatureServices: []schema.FeatureService{{Name: "s", Request: []schema.Feature{{Name: "a", Type: schema.Float64}}, Features: []string{"request:a"}}}}
	for _, models := range [][]schema.Model{{model}, nil} { // an old version that names the file, and a new one that doesn't
		defs.Models = models
		p, err := n.Propose(ctx(), defs)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Commit(ctx(), p, p.Base, "a test"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Pool.Exec(ctx(), "UPDATE larder.model_files SET wanted_at = wanted_at - interval '25 hours' WHERE sha256 <> $1", young); err != nil {
		t.Fatal(err)
	}
	if missing, err := n.MissingModels(ctx(), []string{asked}); err != nil || len(missing) > 0 {
		t.Fatalf("missing %v, %v", missing, err)
	}
	if dropped, err := n.DropUnwantedModels(ctx()); err != nil || dropped != 1 {
		t.Errorf("%d files were dropped, %v; want 1", dropped, err)
	}
	missing, err := n.MissingModels(ctx(), []string{named, young, old, asked})
	if err != nil || len(missing) != 1 || missing[0] != old {
		t.Errorf("missing are %v, %v; want %s", missing, err, old)
	}
	history, err := n.ModelHistory(ctx())
	if err != nil || len(history) != 2 || history[0].Model("m") != nil || history[1].Model("m").Versions[0].SHA256 != named {
		t.Errorf("the history is %v, %v", history, err)
	}
}

func TestWhatIsFollowed(t *testing.T) {
	n, err := newNode(t, database(t).DSN, t.TempDir(), new(rows))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"", "3", "4"} {
		if want != "" {
			if err := n.Follow(ctx(), "mlflow m@champion", want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := n.Followed(ctx(), "mlflow m@champion"); err != nil || got != want {
			t.Errorf("followed %q, %v; want %q", got, err, want)
		}
	}
}
