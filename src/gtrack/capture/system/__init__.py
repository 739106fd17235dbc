"""What the machine does while code trains: CPU, memory, disk, network and GPUs, of the machine and of the run itself.

The names of the metrics, and their units, are MLflow's where MLflow has the metric
(https://mlflow.org/docs/latest/ml/tracking/system-metrics): a megabyte is 10**6 bytes. Counters such as bytes received
are kept as rates, since a mean of rates is a rate, while a mean of counters is nothing.

===============================================  ====================================================================
``system/``...                                   meaning
===============================================  ====================================================================
``cpu_utilization_percentage``                   of the processors that the process may use: 100 is all of them
``system_memory_usage_megabytes``                in use on the machine, or in the container where that has a limit
``system_memory_usage_percentage``               the same, of the machine's memory or of the container's limit
``disk_usage_percentage``                        how full the file system of the working directory is
``disk_available_megabytes``                     what is free there
``disk_read_megabytes_per_second``               by the whole machine; likewise ``disk_write_...``
``network_receive_megabytes_per_second``         of all interfaces but the loopback; likewise ``network_transmit_...``
``process_cpu_percentage``                       of the run's processes: 100 is one processor
``process_memory_rss_megabytes``                 of the run's processes; what they share counts for each of them
``process_count``                                how many processes the run has
``process_disk_read_megabytes_per_second``       by the run's processes; likewise ``process_disk_write_...``
``gpu_0_utilization_percentage``                 of each GPU that the process may use: ``gpu_0`` is ``cuda:0``
``gpu_0_memory_usage_megabytes``                 likewise ``gpu_0_memory_usage_percentage``
``gpu_0_power_usage_watts``
``gpu_0_temperature_celsius``
===============================================  ====================================================================

What a machine does not tell is absent. A network's use by single processes is told by no kernel.
"""

from __future__ import annotations

__all__ = ["PREFIX"]

PREFIX = "system/"
"""What the names of all system metrics begin with."""
