// Package materialize moves the rows of feature views from their source to the
// online store, once in effect.
//
// A [Runner] does it in runs. Each run reads one window of one view's source
// (see [schema.Window]), encodes its record batches column by column into keys
// and rows, and writes those that are newer than what is stored. The watermark of the
// view moves to the window's end in the step that stores the last of them, and
// not before all others are on disk.
//
// It promises that
//
//   - a process that is killed at any point leaves nothing double and loses
//     nothing: the watermark has not moved, the next run reads the window again,
//     and newest-wins makes what was written before harmless;
//   - two runs of one view never overlap, and no more than Options.Workers run at
//     once; the others wait in the order they were asked for;
//   - watermarks never go back, and only full and incremental runs move them: a
//     range says nothing about what lies beside it;
//   - rows that can't be stored are counted by reason, with samples, and fail the
//     run where the source says so;
//   - a view with a schedule is materialized by it; a scheduled run that fails is
//     tried again, ever less often, and its error is shown until one succeeds;
//   - memory is bounded by the batches of the source and the buffer of the writer;
//   - a panic in a run fails that run and nothing else.
//
// It refuses to know Postgres: rows come from a [Source]. It keeps runs in memory
// only; package control records them.
package materialize
