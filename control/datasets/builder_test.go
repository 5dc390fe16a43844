package datasets_test

import (
	"errors"
	"testing"

	"larder/control/datasets"
	"larder/schema"
	"larder/store/offline"
)

func reasonOf(err error) string {
	var said *schema.Error
	if !errors.As(err, &said) {
		return ""
	}
	return string(said.Reason)
}

func TestSlotsAreFew(t *testing.T) {
	b := datasets.New(datasets.Options{Offline: new(offline.Store)})
	var leaves []func()
	for range datasets.MaxConns {
		leave, err := b.Enter()
		if err != nil {
			if reasonOf(err) != "TOO_MANY_SETS" {
				t.Fatal(err)
			}
			break
		}
		leaves = append(leaves, leave)
	}
	if len(leaves) == 0 || len(leaves) >= datasets.MaxConns {
		t.Fatalf("%d sets run at once", len(leaves))
	}
	leaves[0]()
	if _, err := b.Enter(); err != nil {
		t.Errorf("a slot that was left can't be taken: %v", err)
	}
}

func TestWithoutPostgresThereIsNoHistory(t *testing.T) {
	b := datasets.New(datasets.Options{})
	if _, err := b.Enter(); reasonOf(err) != "NO_POSTGRES" {
		t.Errorf("Enter: %v", err)
	}
	if _, err := b.Reading("v", nil, nil); reasonOf(err) != "NO_POSTGRES" {
		t.Errorf("Reading: %v", err)
	}
}
