from call import *
