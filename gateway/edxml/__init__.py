"""The packet: model, streaming writer and reader, attachments, findings, normal form.

Pure: no clock, file, network or database. It reads from and writes to streams and sinks it is given.
"""
