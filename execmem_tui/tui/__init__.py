"""The Textual application: one screen, one file per widget, and what its keys do.

`view/` decides what is drawn; here it is drawn. Attributes go down (application, screen, widgets),
messages come up. Nothing else in the package imports it. The main screen looks a key up in the one
table of keys (`view/actions.py`) and calls ``action_<id>`` of the one object that has it:

- ``kernel``: changes the simulated kernel, undoes and redoes;
- ``timeline``: moves the history's cursor, plays, changes the speed;
- ``looking``: moves what is looked at, lenses, filters, copies;
- ``opening``: brings another source;
- ``comparing``: pins a moment, goes from difference to difference;
- ``why``: explains, answered in ``asking``;
- ``touring``, ``presenting``, ``noting``, ``exporting``: tours, the presenter's view, the
  notebook, files;
- ``panels``: opens and closes what stands beside the map or in its place;
- ``widgets/map``: moves the map's cursor and its scale;
- ``app``: leaves, stops, suspends.

Each but the last two acts on an `app_protocol.AppProtocol` and is told by its constructor what else
it may do. ``action_groups`` makes and imports most of them with the first of their keys: the first
frame needs none. What nobody presses a key for has modules too: ``source_jobs`` (threads),
``moving``, ``counting`` and ``flashing`` (time), ``colouring``, ``highlighting``, ``showing`` (what
is shown), ``faults``, ``fault_guards`` and ``fault_tolerant_app`` (what goes wrong).
"""
