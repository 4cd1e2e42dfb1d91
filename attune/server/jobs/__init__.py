"""Jobs that survive: whatever was accepted is measured once, also if the server or a worker is killed in between.

    tables      what the database holds; migrations/ makes and changes it
    queue       accept, lease, renew, finish, cancel, list, forget
    store       files, one folder a job
    worker      a process that leases a job and measures its parts
    keeper      starts workers, starts them again, and ends them
"""
