package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/access"
	"larder/access/audit"
	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	control "larder/control/access"
	"larder/schema"
	"larder/store/keyring"
)

func newKeysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys",
		Long: `Make, list and revoke API keys. A key is what a service sends to prove who it is. What
it may do is said by its roles: those that it carries (--role), and those that the
bindings of the definitions give to its name.

The server must be started with --keys or another way to prove who calls. The first
key is made with --postgres: whoever may write to the registry's database owns
everything in it anyway. The audit trail has such changes too.`,
		Example: `  larder keys create admin --role admin --postgres postgres://larder@db/features > admin.key
  larder keys create checkout --role scorer --owner payments@example.com --expires 90d
  larder keys list
  larder keys revoke checkout`,
		Args: cobra.ArbitraryArgs, RunE: runSubcommand,
	}
	cmd.AddCommand(newKeysCreateCommand(), newKeysListCommand(), newKeysRevokeCommand())
	return cmd
}

// A keyCommand reaches keys through a server or in the registry's Postgres.
type keyCommand struct {
	*client
	postgres string
}

func bindKeys(cmd *cobra.Command) *keyCommand {
	k := &keyCommand{client: bindClient(cmd)}
	cmd.Flags().StringVar(&k.postgres, "postgres", "", "address of the registry's Postgres; without it the server at --addr is asked")
	return k
}

// do calls one of two functions: with the service of the server, or with the keys in Postgres.
func (k *keyCommand) do(ctx context.Context, server func(larderv1.AccessServiceClient) error, direct func(*keyring.Ring) error) error {
	if k.postgres == "" {
		return k.with(func(c *larder.Client) error { return server(larderv1.NewAccessServiceClient(c.Conn())) })
	}
	if err := checkPostgres("postgres", k.postgres); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "larder-keys-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ring, err := keyring.Open(k.postgres, dir, keyring.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer ring.Close()
	if err := ring.Load(ctx); err != nil {
		return err
	}
	return direct(ring)
}

// recorded changes a key in Postgres, with records in the audit trail as a server writes them.
// The caller is who says so: Postgres alone has let it in.
func (k *keyCommand) recorded(cmd *cobra.Command, key string, change func(context.Context) error) error {
	e := access.Event{Caller: "postgres:" + whoAmI(), Action: access.Admin, Resources: []string{"key:" + schema.CutName(key)}, Method: cmd.CommandPath()}
	return audit.Around(cmd.Context(), audit.Options{DSN: k.postgres, Server: "larder keys"}, e, change)
}

func newKeysCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an API key and print it, once",
		Long: `Make an API key. It is printed on standard output, once: only its hash is kept. Keep
it in a file that only its service can read, and name that file in LARDER_KEY_FILE.`,
		Example: `  larder keys create checkout --role scorer --expires 90d > checkout.key`,
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	k := bindKeys(cmd)
	var roles []string
	var owner, expires string
	cmd.Flags().StringSliceVar(&roles, "role", nil, "a role that the key carries, such as scorer; may be given more than once")
	cmd.Flags().StringVar(&owner, "owner", "", "who answers for the key, such as a team or an address")
	cmd.Flags().StringVar(&expires, "expires", "", "how long the key may be used, as in 90d; without it until it is revoked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &larderv1.CreateKeyRequest{Name: args[0], Roles: roles, Owner: owner}
		if expires != "" {
			d, err := schema.ParseDuration(expires)
			if err != nil || d <= 0 {
				return usageError(fmt.Sprintf("--expires is %q; write a duration such as 90d or 12h", expires))
			}
			req.ExpiresAt = time.Now().Add(time.Duration(d)).UnixMicro()
		}
		var made *larderv1.CreateKeyResponse
		err := k.do(cmd.Context(), func(service larderv1.AccessServiceClient) (err error) {
			made, err = service.CreateKey(cmd.Context(), req)
			return err
		}, func(ring *keyring.Ring) error {
			wanted := access.Key{Name: req.GetName(), Roles: roles, Owner: owner, CreatedBy: whoAmI()}
			if req.GetExpiresAt() != 0 {
				wanted.ExpiresAt = time.UnixMicro(req.GetExpiresAt())
			}
			return k.recorded(cmd, wanted.Name, func(ctx context.Context) error {
				key, text, err := ring.Create(ctx, wanted)
				made = &larderv1.CreateKeyResponse{Key: control.Message(&key), Text: text}
				return err
			})
		})
		if err != nil || k.json {
			return orPrint(cmd.OutOrStdout(), made, err)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "Key %s (id %s), %s, %s. It is shown once:\n", made.GetKey().GetName(), made.GetKey().GetId(), rolesText(made.GetKey()), expiryText(made.GetKey()))
		fmt.Fprintln(cmd.OutOrStdout(), made.GetText())
		return nil
	}
	return cmd
}

func rolesText(k *larderv1.ApiKey) string {
	if len(k.GetRoles()) == 0 {
		return "without roles of its own: bindings decide what it may do"
	}
	return "with " + strings.Join(k.GetRoles(), ", ")
}

func expiryText(k *larderv1.ApiKey) string {
	if k.GetExpiresAt() == 0 {
		return "until it is revoked"
	}
	return "until " + day(k.GetExpiresAt())
}

// day returns a time to the minute; "never" for 0.
func day(micros int64) string {
	if micros == 0 {
		return "never"
	}
	return time.UnixMicro(micros).UTC().Format("2006-01-02 15:04")
}

func newKeysListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List API keys, without their secrets",
		Args:  wrongArgs(cobra.NoArgs),
	}
	k := bindKeys(cmd)
	revoked := cmd.Flags().Bool("revoked", false, "also those that are revoked")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var list *larderv1.ListKeysResponse
		err := k.do(cmd.Context(), func(service larderv1.AccessServiceClient) (err error) {
			list, err = service.ListKeys(cmd.Context(), &larderv1.ListKeysRequest{Revoked: *revoked})
			return err
		}, func(ring *keyring.Ring) error {
			keys, err := ring.List(cmd.Context(), *revoked)
			list = &larderv1.ListKeysResponse{}
			for i := range keys {
				list.Keys = append(list.Keys, control.Message(&keys[i]))
			}
			return err
		})
		if err != nil || k.json {
			return orPrint(cmd.OutOrStdout(), list, err)
		}
		return printKeys(cmd.OutOrStdout(), list.GetKeys())
	}
	return cmd
}

func printKeys(w io.Writer, keys []*larderv1.ApiKey) error {
	if len(keys) == 0 {
		fmt.Fprintln(w, "There are no keys; larder keys create makes one.")
		return nil
	}
	var rows [][]string
	now := time.Now().UnixMicro()
	for _, k := range keys {
		state := "live"
		switch {
		case k.GetRevokedAt() != 0:
			state = "revoked " + day(k.GetRevokedAt()) + " by " + k.GetRevokedBy()
		case k.GetExpiresAt() != 0 && k.GetExpiresAt() <= now:
			state = "expired"
		}
		rows = append(rows, []string{
			k.GetName(), k.GetId(), strings.Join(k.GetRoles(), ","), k.GetOwner(), day(k.GetCreatedAt()), k.GetCreatedBy(),
			day(k.GetExpiresAt()), day(k.GetLastUsedAt()), state,
		})
	}
	return table(w, "NAME ID ROLES OWNER MADE BY EXPIRES USED STATE", rows)
}

func newKeysRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "End an API key, on every server within a second",
		Args:  wrongArgs(cobra.ExactArgs(1)),
	}
	k := bindKeys(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var ended *larderv1.RevokeKeyResponse
		err := k.do(cmd.Context(), func(service larderv1.AccessServiceClient) (err error) {
			ended, err = service.RevokeKey(cmd.Context(), &larderv1.RevokeKeyRequest{Key: args[0]})
			return err
		}, func(ring *keyring.Ring) error {
			return k.recorded(cmd, args[0], func(ctx context.Context) error {
				key, err := ring.Revoke(ctx, args[0], whoAmI())
				ended = &larderv1.RevokeKeyResponse{Key: control.Message(&key)}
				return err
			})
		})
		if err != nil || k.json {
			return orPrint(cmd.OutOrStdout(), ended, err)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Key %s (id %s) is revoked.\n", ended.GetKey().GetName(), ended.GetKey().GetId())
		return nil
	}
	return cmd
}
