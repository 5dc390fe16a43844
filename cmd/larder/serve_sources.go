package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"larder/control/datasets"
	"larder/internal/egress"
	"larder/internal/pgdev"
	"larder/internal/postgres"
	"larder/schema"
	"larder/store/eventlog"
	"larder/store/offline"
)

// openHistory opens what reads sources, and the logs of streams. It fails when sources
// would have rights that reach past tables.
func (n *node) openHistory(ctx context.Context) (err error) {
	if n.streamHosts, err = egress.Parse(n.cfg.StreamHosts); err != nil {
		return fmt.Errorf("--stream-hosts: %w", err)
	}
	dsn := n.cfg.Postgres
	if n.cfg.SourcePostgres != "" {
		dsn = n.cfg.SourcePostgres
	}
	role, roles, err := n.cfg.sourceRoles()
	if err != nil {
		return err
	}
	opts := offline.Options{Role: role, Roles: roles, Schemas: n.cfg.sourceSchemas()}
	if n.offline, err = offline.Open(ctx, dsn, opts); err != nil {
		return err
	}
	opts.MaxConns = datasets.MaxConns
	if n.bulk, err = offline.Open(ctx, dsn, opts); err != nil {
		return err
	}
	reader, err := n.sourcesUser()
	if err != nil {
		return err
	}
	if n.logs, err = eventlog.Open(ctx, n.cfg.Postgres, eventlog.Options{Reader: reader, Allowed: n.offline.Allowed, Forgotten: n.forgotten.List}); err != nil {
		return err
	}
	const patience = 5 * time.Second
	checking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var said *schema.Error
	if err := n.offline.Rights(checking); errors.As(err, &said) && said.Reason == schema.SourceUnsafe {
		return err
	}
	// A Postgres that can't be reached now is asked by each connection that is made later.
	if n.cfg.SourcePostgres == "" && n.cfg.SourceRole == "" {
		n.log.Warn("the SQL of sources runs as the server's own user, so whoever may apply definitions can read the server's tables; name a login for sources with --source-postgres")
	}
	return nil
}

// sourcesUser returns the role that the sources of a stream's project have, where it isn't the
// server's own: it may read the stream's log.
func (n *node) sourcesUser() (func(stream string) string, error) {
	role, roles, err := n.cfg.sourceRoles()
	if err != nil {
		return nil, err
	}
	switch {
	case n.cluster != nil:
		role = pgdev.User // the role of sources is a member
	case role == "" && n.cfg.SourcePostgres != "":
		if role, err = postgres.User(n.cfg.SourcePostgres); err != nil {
			return nil, err
		}
	}
	return func(stream string) string { return cmp.Or(roles[schema.ProjectOf(stream)], role) }, nil
}

// sourceRoles returns the role that sources have, and those of the sources of some projects.
func (s *settings) sourceRoles() (role string, byProject map[string]string, err error) {
	if s.SourceRole == "" {
		return "", nil, nil
	}
	for _, part := range strings.Split(s.SourceRole, ",") {
		project, name, found := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case !found && project != "" && role == "":
			role = project
		case !found || !schema.IsName(project) || name == "" || byProject[project] != "":
			return "", nil, fmt.Errorf("--source-role is %q; write a role, or PROJECT=ROLE for each project with commas between them, and a role alone for all others", s.SourceRole)
		default:
			if byProject == nil {
				byProject = map[string]string{}
			}
			byProject[project] = name
		}
	}
	return role, byProject, nil
}

// sourceSchemas returns the schemas that sources may read; none: all but Larder's and
// Postgres's own.
func (s *settings) sourceSchemas() []string {
	if s.SourceSchemas == "" {
		return nil
	}
	all := strings.Split(s.SourceSchemas, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// validateSources says what is wrong with the settings of sources.
func (s *settings) validateSources() error {
	errs := []error{checkPostgres("source-postgres", s.SourcePostgres)}
	if s.Dev && (s.SourcePostgres != "" || s.SourceRole != "") {
		errs = append(errs, errors.New("--dev makes a role for sources; leave out --source-postgres and --source-role"))
	}
	if !s.Dev && s.Postgres == "" && (s.SourcePostgres != "" || s.SourceRole != "" || s.SourceSchemas != "") {
		errs = append(errs, errors.New("--source-postgres, --source-role and --source-schemas need --postgres, where the definitions are"))
	}
	if _, _, err := s.sourceRoles(); err != nil {
		errs = append(errs, err)
	}
	if _, err := egress.Parse(s.StreamHosts); err != nil {
		errs = append(errs, fmt.Errorf("--stream-hosts: %w", err))
	}
	for _, name := range s.sourceSchemas() {
		switch name {
		case "":
			errs = append(errs, fmt.Errorf("--source-schemas is %q; write names of schemas with commas between them", s.SourceSchemas))
		case "larder":
			errs = append(errs, errors.New("--source-schemas has larder, the schema of Larder's own tables; leave it out"))
		}
	}
	return errors.Join(errs...)
}
