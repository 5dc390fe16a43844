package pgdev

import (
	"errors"
	"os/user"
	"strconv"
)

// An account is whom Postgres runs as when we are root.
type account struct {
	name     string
	uid, gid int
}

func unprivileged() (*account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &account{name, uid, gid}, nil
		}
	}
	return nil, errors.New("Postgres can't run as root, and there is no user postgres or nobody to run it as; run as another user")
}
