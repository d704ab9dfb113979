studentfs_unit_test(agent_life LIBRARIES agent)
studentfs_unit_test(agent_disk LIBRARIES agent)
studentfs_unit_test(agent_sandbox LIBRARIES agent)
studentfs_unit_test(agent_demand LIBRARIES agent)
