"""Why an allocation failed.

Records of a log become incidents, an incident and a snapshot a finding.

incidents    which lines belong to one failure, and how often it happened
asker        who asked, read from the call trace: the process is never the answer
relocations  how far a call or a word had to reach, and how far it reaches there
space        what the range held: holes, with and without a purge, and who has most of it
verdicts     the rules, in the order in which they are asked
finding      the answer, and its document
"""
