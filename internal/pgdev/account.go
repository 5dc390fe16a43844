package pgdev

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// An account is the user that Postgres runs as when this process is root.
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
	return nil, errors.New("run as a user other than root: Postgres can't run as root, and there is no user postgres or nobody to run it as")
}

// ownerOf returns the owner of a cluster's data. Postgres only runs as this user.
func ownerOf(data string) (*account, error) {
	info, err := os.Stat(data)
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil, fmt.Errorf("give %s to another user (chown -R), or remove it: it belongs to root, and Postgres doesn't run as root", data)
	}
	a := &account{name: strconv.Itoa(int(stat.Uid)), uid: int(stat.Uid), gid: int(stat.Gid)}
	if u, err := user.LookupId(a.name); err == nil {
		a.name = u.Username
	}
	return a, nil
}
