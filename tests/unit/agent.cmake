studentfs_unit_test(agent_life LIBRARIES agent)
