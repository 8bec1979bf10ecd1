"""Why an allocation failed.

Records of a log become incidents, an incident and a snapshot a finding.

incidents    which lines belong to one failure, and how often it happened
asker        who asked, read from the call trace: the process is never the answer
relocations  how far a call or a word had to reach, and how far it reaches there
space        what the range held: holes, with and without a purge, and who has most of it
case         what is known of one incident when it is judged
too_far      the rule on relocations
no_room      the rules on size, range and snapshot
verdicts     all rules, in the order in which they are asked
finding      the answer, and its document
"""
