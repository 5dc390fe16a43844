package postgres_test

import (
	"strings"
	"testing"

	"larder/internal/postgres"
)

// addresses have the password hunter2, or one that begins with hun and ends with ter2.
var addresses = []string{
	"postgres://u:hunter2@h/db",
	"postgresql://u:hunter2@h:5432/db?sslmode=require",
	"postgres://u:hunter2@h:x/db",
	"postgres://u:hunt%zzer2@h/db",
	"postgres://u:hunt er2@h/db",
	"postgres://u:hun/ter2@h/db",
	"postgres://u:hun@ter2@h:x/db",
	"postgres://u:hun#ter2@h:x/db",
	"postgres://u:hun?ter2@h:x/db",
	"postgres://u:hun:ter2@h:x/db",
	"postgres://u:hunter2@[::1/db",
	"postgres://u@h:5432/db?password=hunter2&port=x",
	"postgres://u@h:5432/db?password=hun@te:r2",
	"postgres://u@h:1/db?sslpassword=hunter2&sslmode=x",
	"postgres://u:hunter2@h/db?pool_max_conns=x",
	"postgres://u:hunter2@h/db?sslmode=verify-full&sslrootcert=/nope",
	"host=h password=hunter2 port=x",
	"host=h password = hunter2 port=x",
	"host=h PASSWORD=hunter2",
	"host=h password='hun ter2' port=x",
	`host=h password='hun\'ter2' port=x`,
	`host=h password=hun\ ter2 port=x`,
	"host=h password='hunter2",
	"host=::1 password=hun@ter2",
	"sslpassword=hunter2 host=h port=x",
	"u:hunter2@h:5432/db",
	"https://u:hunter2@mlflow.example.com/path",
	"https://mlflow.example.com/?access_token=hunter2#x",
}

// secret reports whether a text has a part of the passwords above.
func secret(text string) bool {
	for _, part := range []string{"hun", "ter2", "er2", "te:r2"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func TestNoPasswordIsShown(t *testing.T) {
	for _, address := range addresses {
		if masked := postgres.Mask(address); secret(masked) || !strings.Contains(masked, "***") {
			t.Errorf("%s becomes %s", address, masked)
		}
		if _, err := postgres.Parse(address); err != nil && secret(err.Error()) {
			t.Errorf("%s: %v", address, err)
		}
		if _, err := postgres.ParsePool(address); err != nil && secret(err.Error()) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, plain := range []string{"postgres://u@h:5432/db?sslmode=disable", "db:5432", "host=h user=u", "/var/lib/larder", "a@b", "127.0.0.1:6570", ""} {
		if masked := postgres.Mask(plain); masked != plain {
			t.Errorf("%s becomes %s", plain, masked)
		}
	}
	if got := postgres.Mask("postgres://u:hunter2@h:5432/db?sslmode=disable"); got != "postgres://u:***@h:5432/db?sslmode=disable" {
		t.Error(got)
	}
	if _, err := postgres.Parse("postgres://u:p@h:x/db"); err == nil || !strings.Contains(err.Error(), "can't be read: invalid port; write it as") {
		t.Error(err)
	}
}
