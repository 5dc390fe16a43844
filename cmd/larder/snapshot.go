package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	larderv1 "larder/api/larder/v1"
	"larder/internal/wholefile"
	"larder/store/online"
)

func newSnapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapshot COMMAND",
		Short:   "Back up the online store while it serves, or restore it",
		Example: "  larder snapshot save rows.snapshot\n  larder snapshot load rows.snapshot --data larder-data",
		RunE:    runSubcommand,
	}
	cmd.AddCommand(newSnapshotSaveCommand(), newSnapshotLoadCommand())
	return cmd
}

func newSnapshotSaveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "save FILE",
		Short:   "Write a snapshot of a running server's store to a file",
		Example: "  larder snapshot save rows.snapshot",
		Args:    wrongArgs(cobra.ExactArgs(1)),
	}
	c := bindClient(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if folder := filepath.Dir(args[0]); !isFolder(folder) {
			return fmt.Errorf("no folder %s; make it first", folder)
		}
		return c.control(func(control larderv1.ControlServiceClient) error {
			f, err := wholefile.Create(args[0], 0o600)
			if err != nil {
				return err
			}
			stream, err := control.SaveSnapshot(cmd.Context(), &larderv1.SaveSnapshotRequest{})
			if err != nil {
				return errors.Join(err, f.Close())
			}
			written, err := saveStream(f, func() ([]byte, error) {
				msg, err := stream.Recv()
				return msg.GetChunk(), err
			})
			if err != nil {
				return err
			}
			if c.json {
				return encodeJSON(cmd.OutOrStdout(), map[string]any{"file": args[0], "bytes": written})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "wrote %s to %s\n", counted(written, "byte"), args[0])
			return nil
		})
	}
	return cmd
}

// saveStream writes chunks to a file that appears whole or not at all.
func saveStream(f *wholefile.File, next func() ([]byte, error)) (written int64, err error) {
	for {
		chunk, err := next()
		if errors.Is(err, io.EOF) {
			return written, f.Commit()
		}
		if err == nil {
			_, err = f.Write(chunk)
		}
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
		written += int64(len(chunk))
	}
}

func newSnapshotLoadCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "load FILE",
		Short: "Restore a snapshot into the data folder of a stopped server",
		Long: `Write the rows of a snapshot into an empty data folder. Then start a server on it
with the Postgres of the server that wrote the snapshot: the rows belong to its
registry.`,
		Example: "  larder snapshot load rows.snapshot --data larder-data",
		Args:    wrongArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			if err := os.MkdirAll(data, 0o700); err != nil {
				return err
			}
			if err := online.Load(cmd.Context(), filepath.Join(data, rowsFolder), bufio.NewReaderSize(f, 1<<20)); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "restored %s into %s\n", args[0], data)
			return nil
		},
	}
	cmd.Flags().StringVar(&data, "data", cmp.Or(os.Getenv("LARDER_DATA"), defaultSettings().Data), "the server's data folder")
	return cmd
}
