"""One pytest run: decide, replay, record, report. Everything here may know pytest."""
