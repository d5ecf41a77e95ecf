"""South: sockets to the devices. The only room, with the simulators' servers, that names pymodbus and asyncua."""
